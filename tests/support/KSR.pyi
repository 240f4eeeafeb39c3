# Kamailio's own module, which it makes for what it loads, as far as something here uses it.

from typing import Any

hdr: Any
pv: Any
sl: Any
