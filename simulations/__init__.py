"""From a composition to a nanoparticle RDF by molecular dynamics; run from the checkout."""
