"""What labkit costs, side by side with what it stands on: `python -m benchmarks`."""
