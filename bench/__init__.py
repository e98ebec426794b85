"""Speed and size, shown in one run: ratios count, absolute times are the machine's."""
