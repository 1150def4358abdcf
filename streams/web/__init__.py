"""What people and Prometheus see: live board, business metrics."""
