"""The checks of `istioctl analyze`, with its codes, levels and wording."""
