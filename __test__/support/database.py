"""Makes a KeePass database with this path and password. KeePassXC serves its root group on the bus."""

import sys

from pykeepass import create_database
from lxml import etree

path, password = sys.argv[1:]
database = create_database(path, password=password)
meta = database.tree.find("Meta")
data = meta.find("CustomData")
if data is None:
    data = etree.SubElement(meta, "CustomData")
item = etree.SubElement(data, "Item")
etree.SubElement(item, "Key").text = "FDO_SECRETS_EXPOSED_GROUP"
etree.SubElement(item, "Value").text = f"{{{database.root_group.uuid}}}"
database.save()
