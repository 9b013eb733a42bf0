"""From registry folders to EvalSpec, EvalSet and Study. Reads YAML; opens no data file."""

from harness.registry.catalog import KINDS, Entry, Kind, Listing, Registry, load_registry
from harness.registry.eval_specs import NATIVE
from harness.registry.places import own_folder

__all__ = [
    "KINDS",
    "NATIVE",
    "Entry",
    "Kind",
    "Listing",
    "Registry",
    "load_registry",
    "own_folder",
]
