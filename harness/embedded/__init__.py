"""A small real transformer that is really trained here: no key, no network, no torch."""
