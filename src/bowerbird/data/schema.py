"""What the six attachments are called and which columns they hold."""

from dataclasses import dataclass

SERIES_KEY = ("seller_no", "product_no", "warehouse_no")
"""The columns that name one demand series."""

SHIPMENT_COLUMNS = (*SERIES_KEY, "date", "qty")
PRODUCT_ATTRIBUTES = ("category1", "category2", "category3")
SELLER_ATTRIBUTES = ("seller_category", "inventory_category", "seller_level")
WAREHOUSE_ATTRIBUTES = ("warehouse_category", "warehouse_region")
ATTRIBUTES = (*PRODUCT_ATTRIBUTES, *SELLER_ATTRIBUTES, *WAREHOUSE_ATTRIBUTES)
"""The eight attributes of a series, after the attachments are joined."""


@dataclass(frozen=True)
class AttachmentSpec:
    """One attachment of the contest: its field name here, its Chinese title, its columns and the columns of its key."""

    number: int
    name: str
    title: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    optional: bool = False

    @property
    def label(self) -> str:
        """Name shown in messages, e.g. 附件1."""
        return f"附件{self.number}"


ATTACHMENTS = (
    AttachmentSpec(1, "shipments", "商家历史出货量表", SHIPMENT_COLUMNS, (*SERIES_KEY, "date")),
    AttachmentSpec(2, "products", "商品信息表", ("product_no", *PRODUCT_ATTRIBUTES), ("product_no",)),
    AttachmentSpec(3, "sellers", "商家信息表", ("seller_no", *SELLER_ATTRIBUTES), ("seller_no",)),
    AttachmentSpec(4, "warehouses", "仓库信息表", ("warehouse_no", *WAREHOUSE_ATTRIBUTES), ("warehouse_no",)),
    AttachmentSpec(5, "new_items", "新品历史出货量表", SHIPMENT_COLUMNS, (*SERIES_KEY, "date"), optional=True),
    AttachmentSpec(6, "promotion", "促销期间商家出货量表", SHIPMENT_COLUMNS, (*SERIES_KEY, "date"), optional=True),
)
LABELS = {spec.name: spec.label for spec in ATTACHMENTS}
"""shipments -> 附件1, ..."""
