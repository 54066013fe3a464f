// Owns the precompiled header of cmake/pch.h.
