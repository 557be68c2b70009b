"""How is one element of a resource read, with its place known and its numbers exact?

Source: FHIR R4 data types. An element that is not there, or is of another JSON type than asked for, is empty: resources
were validated before, and a reading of something else must not break.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Element:
    """A JSON object inside a resource and its FHIRPath."""

    content: Mapping[str, object]
    place: str

    def at(self, name: str) -> str:
        return f"{self.place}.{name}"

    def has(self, name: str) -> bool:
        return name in self.content

    def text(self, name: str) -> str:
        """A string, code, uri or date; trimmed."""
        value = self.content.get(name)
        return value.strip() if isinstance(value, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.content.get(name)
        items = value if isinstance(value, list) else []
        return tuple(item.strip() for item in items if isinstance(item, str) and item.strip())

    def boolean(self, name: str) -> bool | None:
        value = self.content.get(name)
        return value if isinstance(value, bool) else None

    def integer(self, name: str) -> int | None:
        value = self.content.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def integers(self, name: str) -> tuple[int, ...]:
        value = self.content.get(name)
        items = value if isinstance(value, list) else []
        return tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool))

    def decimal(self, name: str) -> Decimal | None:
        value = self.content.get(name)
        if isinstance(value, Decimal):
            return value
        whole = self.integer(name)
        return None if whole is None else Decimal(whole)

    def child(self, name: str) -> "Element | None":
        value = self.content.get(name)
        return Element(value, self.at(name)) if isinstance(value, dict) else None

    def children(self, name: str) -> tuple["Element", ...]:
        """Of a list; a lone object counts as a list of one."""
        value = self.content.get(name)
        if isinstance(value, dict):
            return (Element(value, self.at(name)),)
        items = value if isinstance(value, list) else []
        return tuple(
            Element(item, f"{self.at(name)}[{index}]") for index, item in enumerate(items) if isinstance(item, dict)
        )

    def first(self, *names: str) -> "Element | None":
        """The first of these elements that is there, itself or the first of its list."""
        for name in names:
            children = self.children(name)
            if children:
                return children[0]
        return None
