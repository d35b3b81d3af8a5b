"""What the objectives files of both sides say of a change: what is accepted, and what was loosened."""
