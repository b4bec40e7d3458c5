"""Stores an item from standard input, as JSON: {collection, attributes, label, secret}.

It is always a new item, even if one with the same attributes exists.
"""

import json
import sys

import secretstorage

import plain

spec = json.load(sys.stdin)
connection = secretstorage.dbus_init()
collection = secretstorage.Collection(connection, spec["collection"])
collection.session = plain.open_session(connection)
item = collection.create_item(spec["label"], spec["attributes"], spec["secret"].encode(), replace=False)
print(json.dumps(item.item_path))
