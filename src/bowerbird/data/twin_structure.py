"""Who sells what from where in the synthetic twin: products, sellers, warehouses and the series that join them.

Every table below holds counts of the full-size data (1,996 series); smaller twins share them out in proportion.
"""

import numpy as np
import pandas as pd

from bowerbird.data.schema import SERIES_KEY

FULL_SERIES = 1996
PRODUCTS_STOCKED_IN = {1: 692, 2: 333, 3: 126, 4: 47, 5: 12, 6: 2}
"""Number of warehouses -> products: 1,212 products, 1,996 series, mean 1.65."""
ALL_PRODUCTS = 2302
"""Products of 附件2; the rest has no shipments or is new."""

SERIES_BY_CATEGORY = {
    "家装建材": 321, "食品饮料": 311, "美妆护肤": 206, "宠物生活": 183, "手机通讯": 180, "家用电器": 166,
    "电脑、办公": 147, "厨具": 126, "个人护理": 125, "家庭清洁/纸品": 43, "家具": 41, "数码": 32,
    "生活日用": 26, "服饰内衣": 22,
    "户外装备": 18, "母婴用品": 15, "礼品": 13, "文化用品": 13, "园艺": 4, "保健器材": 4,  # these six are invented
}  # fmt: skip
IDLE_CATEGORIES = ("汽车用品", "图书", "乐器")
SUBCATEGORIES = 62, 210
"""Second-level and third-level categories among the series; 附件2 holds 79 and 291."""
IDLE_SUBCATEGORIES = 17, 81

SERIES_BY_SELLER = {  # (inventory_category, seller_level) -> sizes of its sellers; 35 sellers in all
    ("B", "Large"): (170, 118, 92, 70, 66, 62, 58, 40, 36, 34, 30, 29, 24),
    ("A", "Large"): (200, 150, 105, 46, 42, 38, 33, 32),
    ("D", "Large"): (120, 41, 28, 14),
    ("B", "Medium"): (58, 19),
    ("D", "Medium"): (43,),
    ("A", "Medium"): (24,),
    ("B", "Special"): (74, 9),
    ("A", "Special"): (16,),
    ("B", "Small"): (57, 4),
    ("C", "Large"): (14,),
}
NEW_SELLERS = (("B", "New"), ("A", "New"))
"""Sellers that appear in 附件5 only."""
NEW_SELLER_WEIGHT = 120
"""Size given to each of them when new items are dealt out; about one new item in nine is theirs."""

NAMED_WAREHOUSES = {"wh_1": 744, "wh_25": 72, "wh_19": 64, "wh_9": 55, "wh_29": 33, "wh_38": 24, "wh_30": 7}
CENTRAL_WAREHOUSES = ("wh_1", "wh_30")
REPEATED_WAREHOUSES = ("wh_29", "wh_38")
"""They stand twice in 附件4, so that a naive merge repeats their 57 series."""
REGIONS = {  # region -> series, its named warehouses, how many others it has
    "华东": (970, ("wh_1", "wh_29"), 13),
    "华北": (313, ("wh_25", "wh_9"), 8),
    "西南": (229, ("wh_19", "wh_38"), 8),
    "华南": (228, ("wh_30",), 9),
    "华中": (174, (), 6),
    "西北": (52, (), 2),
    "东北": (30, (), 1),
}


def apportion(total: int, weights) -> np.ndarray:
    """Whole shares of `total` in proportion to `weights`, by largest remainder.

    Parameters
    ----------
    total : int
        What is shared out.
    weights : sequence of float

    Returns
    -------
    int array, as long as `weights`, that adds up to `total`.
    """
    exact = total * np.asarray(weights, dtype=float) / np.sum(weights)
    shares = np.floor(exact).astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: total - shares.sum()]] += 1
    return shares


def warehouse_table() -> pd.DataFrame:
    """The 54 warehouses with category, region and full-size number of series (column `size`)."""
    unnamed = iter(sorted({f"wh_{k}" for k in range(1, 55)} - set(NAMED_WAREHOUSES), key=lambda no: int(no[3:])))
    rows = []
    for region, (series, named, others) in REGIONS.items():
        rows += [(no, region, NAMED_WAREHOUSES[no]) for no in named]
        left = series - sum(NAMED_WAREHOUSES[no] for no in named)
        rows += [(next(unnamed), region, size) for size in apportion(left, np.linspace(2, 1, others))]
    table = pd.DataFrame(rows, columns=["warehouse_no", "warehouse_region", "size"])
    category = np.where(table["warehouse_no"].isin(CENTRAL_WAREHOUSES), "中心仓", "区域仓")
    table.insert(1, "warehouse_category", category)
    return table.sort_values("warehouse_no", ignore_index=True)


def seller_lines(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The 37 sellers, and the categories each sells with the full-size number of series (column `size`).

    Sellers and categories are laid along the same 1,996 series, so both add up exactly and a seller sells neighbouring
    categories only. The two new sellers take one category each.
    """
    categories = pd.Series(SERIES_BY_CATEGORY)
    cells = [(*cell, size) for cell, sizes in SERIES_BY_SELLER.items() for size in sizes]
    old = pd.DataFrame(cells, columns=["inventory_category", "seller_level", "size"]).sample(frac=1, random_state=rng)
    new = pd.DataFrame(NEW_SELLERS, columns=["inventory_category", "seller_level"]).assign(size=NEW_SELLER_WEIGHT)
    sellers = pd.concat([old, new], ignore_index=True)
    sellers.insert(0, "seller_no", [f"seller_{k}" for k in 1 + rng.permutation(len(sellers))])

    along = [*categories.index.repeat(categories), *np.repeat(categories.index[: len(new)], NEW_SELLER_WEIGHT)]
    lines = pd.DataFrame({"seller_no": sellers["seller_no"].repeat(sellers["size"]).to_numpy(), "category1": along})
    lines = lines.value_counts(sort=False).rename("size").reset_index()
    share = lines["size"] / lines["category1"].map(categories)  # a seller is filed under what it matters most for
    filed = lines.loc[share.groupby(lines["seller_no"]).idxmax()].set_index("seller_no")["category1"]
    sellers.insert(1, "seller_category", sellers["seller_no"].map(filed))
    by_number = sellers["seller_no"].str.removeprefix("seller_").astype(int).argsort()
    return sellers.drop(columns="size").iloc[by_number].reset_index(drop=True), lines


def place(n_series: int, warehouses: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lay `n_series` series over products and warehouses, no pair twice.

    Returns
    -------
    product, warehouse : int arrays (n_series,)
        Products are numbered from 0 on; warehouses are row numbers of `warehouses`.
    """
    n_products = max(1, round(n_series * sum(PRODUCTS_STOCKED_IN.values()) / FULL_SERIES))
    stocked_in = np.repeat(list(PRODUCTS_STOCKED_IN), apportion(n_products, list(PRODUCTS_STOCKED_IN.values())))
    while stocked_in.sum() != n_series:  # rounding at small sizes
        step = np.sign(n_series - stocked_in.sum())
        stocked_in[stocked_in.argmin() if step > 0 else stocked_in.argmax()] += step
    sizes = apportion(n_series, warehouses["size"])
    repeated = warehouses["warehouse_no"].isin(REPEATED_WAREHOUSES).to_numpy()
    if not sizes[repeated].any():
        sizes[sizes.argmax()] -= 1
        sizes[repeated.argmax()] += 1
    product = np.repeat(np.arange(n_products), stocked_in)
    warehouse = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    # A product may have met the same warehouse twice: deal such rows again together with as many others.
    while (twice := np.flatnonzero(pd.DataFrame({"p": product, "w": warehouse}).duplicated())).size:
        rows = np.union1d(twice, rng.integers(n_series, size=twice.size))
        warehouse[rows] = rng.permutation(warehouse[rows])
    return product, warehouse


def deal(stocked_in: np.ndarray, lines: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Give every product a line (seller and category) so that the lines' shares of the series come out exactly.

    Parameters
    ----------
    stocked_in : int array (n_products,)
        Series of each product; the products with many are dealt first, those with one fill up the gaps.
    lines : DataFrame
        Of `seller_lines`.

    Returns
    -------
    int array (n_products,) of row numbers of `lines`.
    """
    room = apportion(int(stocked_in.sum()), lines["size"])
    line = np.empty(len(stocked_in), dtype=int)
    for product in np.argsort(-stocked_in, kind="stable"):
        fits = np.where(room >= stocked_in[product], room, 0)
        line[product] = rng.choice(len(room), p=fits / fits.sum()) if fits.any() else room.argmax()
        room[line[product]] -= stocked_in[product]
    return line


def with_subcategories(products: pd.DataFrame, tree: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The products with category2 and category3: each leaf of its category once, then the first leaves most often."""
    leaf = products.groupby("category1").cumcount().to_numpy()
    n_leaves = products["category1"].map(tree.groupby("category1").size()).to_numpy()
    leaf = np.where(leaf < n_leaves, leaf, (n_leaves * rng.random(len(leaf)) ** 2).astype(int))
    return products.assign(leaf=leaf).merge(tree, how="left", on=["category1", "leaf"]).drop(columns="leaf")


def category_tree(weights: dict[str, float], n_second: int, n_third: int, tag: str = "") -> pd.DataFrame:
    """Names of all third-level categories: category1, leaf number within it, category2, category3."""
    second = 1 + apportion(n_second - len(weights), list(weights.values()))
    third = second + apportion(n_third - n_second, list(weights.values()))
    rows = []
    for name, n2, n3 in zip(weights, second, third, strict=True):
        rows += [(name, k, f"{name}{tag}_{k % n2 + 1}", f"{name}{tag}_{k % n2 + 1}_{k // n2 + 1}") for k in range(n3)]
    return pd.DataFrame(rows, columns=["category1", "leaf", "category2", "category3"])


def make_structure(n_series: int, n_new: int, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Draw the whole structure of a twin.

    Parameters
    ----------
    n_series, n_new : int
        Series of 附件1 and of 附件5.
    rng : numpy Generator

    Returns
    -------
    dict with `series` and `new_series` (keys, sorted as 附件1 is), `products`, `sellers`, `warehouses` (as the
    attachments hold them: idle products too, two warehouses twice).
    """
    warehouses = warehouse_table()
    sellers, lines = seller_lines(rng)
    placed = [place(n_series, warehouses, rng), place(n_new, warehouses, rng)]
    stocked = [np.bincount(product) for product, _ in placed]
    old_lines = lines[lines["seller_no"].isin(sellers.loc[sellers["seller_level"] != "New", "seller_no"])]
    sold = pd.concat([old_lines.iloc[deal(stocked[0], old_lines, rng)], lines.iloc[deal(stocked[1], lines, rng)]])

    idle_weights = dict.fromkeys([*IDLE_CATEGORIES, *list(SERIES_BY_CATEGORY)[:14]], 1)
    idle = rng.choice(list(idle_weights), size=max(0, round(ALL_PRODUCTS * n_series / FULL_SERIES) - len(sold)))
    products = pd.concat(
        [
            with_subcategories(sold[["category1"]], category_tree(SERIES_BY_CATEGORY, *SUBCATEGORIES), rng),
            with_subcategories(
                pd.DataFrame({"category1": idle}), category_tree(idle_weights, *IDLE_SUBCATEGORIES, tag="其他"), rng
            ),
        ],
        ignore_index=True,
    )
    products.insert(0, "product_no", [f"product_{k}" for k in 1 + rng.permutation(len(products))])

    frames = []
    for (product, warehouse), first in zip(placed, (0, len(stocked[0])), strict=True):
        keys = pd.DataFrame(
            {
                "seller_no": sold["seller_no"].to_numpy()[first + product],
                "product_no": products["product_no"].to_numpy()[first + product],
                "warehouse_no": warehouses["warehouse_no"].to_numpy()[warehouse],
            }
        )
        frames.append(keys.sort_values(list(SERIES_KEY), ignore_index=True))
    twice = np.repeat(np.arange(len(warehouses)), 1 + warehouses["warehouse_no"].isin(REPEATED_WAREHOUSES))
    return {
        "series": frames[0],
        "new_series": frames[1],
        "products": products.sample(frac=1, random_state=rng, ignore_index=True),
        "sellers": sellers,
        "warehouses": warehouses.drop(columns="size").iloc[twice].reset_index(drop=True),
    }
