"""One analysis as people and programs read it: one HTML page, text, JSON, YAML, Markdown, SARIF, JUnit.

Knows `Analysis` and what it is made of. Must not know how a rule decides, nor click; nothing here reads a clock or a
network: «now» is the capture's time. `html.py` is the door to Jinja2.
"""
