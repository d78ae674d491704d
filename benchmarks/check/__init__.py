"""What repeats from run to run, judged against a committed baseline: `python -m benchmarks.check`."""
