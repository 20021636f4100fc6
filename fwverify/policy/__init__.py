"""The decide stage: facts of all stages, one policy, one decision.

``decide.decide`` is the stage; ``load`` reads policies; ``facts`` is what it judges;
``builtin/*.toml`` are the policies that apply when none is named.
"""
