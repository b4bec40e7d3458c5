"""A session of secretstorage's in which values are not encrypted.

Its encrypted ones fail with KWallet one time in 128: it sends its number without leading zeros, which KWallet
refuses, and the two disagree on the key where the shared number begins with a zero.
"""

from secretstorage import dhcrypto, util


def open_session(connection):
    """Opens one."""
    service = util.DBusAddressWrapper(util.SS_PATH, util.SERVICE_IFACE, connection)
    session = dhcrypto.Session()
    session.encrypted = False
    _, session.object_path = service.call("OpenSession", "sv", util.ALGORITHM_PLAIN, ("s", ""))
    return session
