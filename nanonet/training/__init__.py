"""How a surrogate is trained and judged, for every problem; nothing here knows one of them."""
