"""A process is killed, or its calls of the operating system fail: what its files hold afterwards."""
