"""What ``benchmarks.instrumentation`` is made of: an application, its sides, who stands around it, and four proofs."""
