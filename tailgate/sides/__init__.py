"""How what is compared becomes two live services: by :func:`tailgate.sides.opening.open_sides`."""
