"""Opens sessions of secretstorage that do not encrypt values.

With KWallet, one in 128 of its encrypted sessions fails: secretstorage sends its public number without leading zeros,
which KWallet refuses, and the two derive different keys if the shared number begins with a zero.
"""

from secretstorage import dhcrypto, util


def open_session(connection):
    """Opens a session that does not encrypt values."""
    service = util.DBusAddressWrapper(util.SS_PATH, util.SERVICE_IFACE, connection)
    session = dhcrypto.Session()
    session.encrypted = False
    _, session.object_path = service.call("OpenSession", "sv", util.ALGORITHM_PLAIN, ("s", ""))
    return session
