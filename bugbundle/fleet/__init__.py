"""Many bundles at once: analyzed on Dask, kept as Parquet, asked with SQL.

Knows analysis and report. Must not know the command line. Needs the extra `bugbundle[fleet]`; its packages are imported
inside functions.
"""
