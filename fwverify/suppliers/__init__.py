"""The operator's register of suppliers: who was assessed by whom, when and on what ground.

``model`` is the form of its files, ``register`` reads a folder of them, ``criteria`` applies
the four questions, ``ownership`` multiplies shares, ``sources`` counts suppliers per
component, ``supply`` says what the register means for one case.
"""
