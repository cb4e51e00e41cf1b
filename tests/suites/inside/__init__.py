"""What runs inside of another project's test process, which has neither this project's tests nor its tools."""
