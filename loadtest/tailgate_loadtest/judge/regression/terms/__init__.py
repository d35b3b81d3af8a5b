"""What a comparison is judged by: how it was asked for, what its objectives accept, and what was loosened."""
