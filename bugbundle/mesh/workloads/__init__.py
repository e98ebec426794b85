"""Pods, Services and namespaces by what is asked of them: look-ups, owners, ages, trouble."""
