"""Image files as 8-bit gray arrays: read, decoded, cached, and fed to a device."""
