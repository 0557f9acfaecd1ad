def write(raw, output): pass
