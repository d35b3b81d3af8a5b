"""Objectives as code: one OpenSLO file becomes the model everything else is compiled from."""
