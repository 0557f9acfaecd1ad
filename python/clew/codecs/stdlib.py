from . import Codec

CODECS: dict[type, Codec] = {}
NAMED: dict[str, Codec] = {}
