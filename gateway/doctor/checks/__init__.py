"""The checks: each is a function that is given the case and tells what it found."""
