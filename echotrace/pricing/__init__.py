"""What services charge: a dated table in the package, which a file of the user's own overrides."""

from echotrace.pricing.read import built_in_prices, load_prices
from echotrace.pricing.table import UNITS, VENDOR_HOSTS, Price, PriceTable, host_of

__all__ = [
    "UNITS",
    "VENDOR_HOSTS",
    "Price",
    "PriceTable",
    "built_in_prices",
    "host_of",
    "load_prices",
]
