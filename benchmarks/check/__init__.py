"""What repeats from run to run, judged by a baseline: `python -m benchmarks.check`."""
