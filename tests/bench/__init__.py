"""Benchmarks of throughput, delay and stability; README.md describes them."""
