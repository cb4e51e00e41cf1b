"""What probes may read of libraries that several frameworks are made with, or that have no package of ours.

Each entry is a reader over what is stored already; none runs the library's accessor, which would keep what it makes,
read the body or query. An entry with the reader `instead` allows nothing: it puts into the refusal what can be read in
its place. Types are matched by name, so no library need be there.
"""
