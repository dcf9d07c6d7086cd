"""The patient's page on the Pi; `edge.page.server.build_page` puts it together."""
