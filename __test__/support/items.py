"""Prints every item of the session's Secret Service as JSON."""

import json

import secretstorage

import plain

connection = secretstorage.dbus_init()
session = plain.open_session(connection)
items = []
for collection in secretstorage.get_all_collections(connection):
    for item in collection.get_all_items():
        item.session = session
        secret = None if item.is_locked() else item.get_secret()
        items.append({
            "collection": collection.collection_path,
            "path": item.item_path,
            "label": item.get_label(),
            "attributes": item.get_attributes(),
            "contentType": None if secret is None else item.get_secret_content_type(),
            "secret": None if secret is None else secret.decode("utf-8", "backslashreplace"),
        })
print(json.dumps(items))
