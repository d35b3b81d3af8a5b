"""How quick the data layers are, and the queries beneath them, before and after tuning.

queries   the same statements over both schemas, without a round trip
layers    each variant's layer by itself and through the whole API, over a round trip
"""
