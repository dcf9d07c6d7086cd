"""Force-sensing resistors of an insole through MCP3208 converters on SPI."""
