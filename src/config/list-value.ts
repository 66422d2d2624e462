/** Changes to a comma-separated list, as IncrementalAlterConfigs makes them (KIP-339). Values are kept as they were given. */

/** `list` with the items of `added` that are not in it yet. */
export function appendToList(list: string, added: string): string {
  const items = itemsOf(list);
  for (const item of added.split(",")) if (!items.includes(item)) items.push(item);
  return items.join(",");
}

/** `list` without the items of `removed`. */
export function subtractFromList(list: string, removed: string): string {
  const gone = new Set(removed.split(","));
  return itemsOf(list)
    .filter((item) => !gone.has(item))
    .join(",");
}

function itemsOf(list: string): string[] {
  return list.split(",").filter((item) => item !== "");
}
