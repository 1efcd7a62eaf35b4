"""Models in llama.cpp's file format: converted once to what transformers loads, and checked."""
