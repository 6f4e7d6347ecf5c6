"""Ever smaller networks over generations (Shafiee and Wong 2016; Chung et al. 2018; Shafiee et al. 2017).

The core is NumPy on masks and strengths. `ancestors`, `compaction`, `constants` and `weights`
handle Keras models and are imported by name, so that the core stays light.
"""
