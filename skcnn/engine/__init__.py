"""The engine: networks of layers, trained and run on the CPU. It knows nothing of scikit-learn.

The idea
--------
A `Layer` holds settings only. It specifies once which arrays it needs and binds NumPy functions to
views of them. A training step then only makes these calls: no shapes are computed and no large
arrays are allocated in the loop. A mini-batch is divided into tiles of a few images. Threads take
tiles; sums over tiles are formed in tile order, so results are bit-identical for any number of
threads.

From fit(X) to the matrix product
---------------------------------
::

    ConvNetClassifier.fit                            skcnn/classifier.py
    1  fit_estimator                                 skcnn/_fitting/fit.py
    2  Training.run                                  skcnn/_fitting/training.py
    3  run_epochs                                    training/loop.py
    4  Trainer.step                                  training/trainer.py
    5  Trainer._run_tile  (on a thread of `Threads`) training/trainer.py
    6  Workspace.forward, Workspace.backward         workspace.py
         numpy.matmul and others                     bound by the layers, layers/
    7  OptimizerStep.run  (after the tiles)          training/optimizer_step.py

    ConvNetClassifier.predict
    1  outputs                                       inference.py
    2  predict, Predictor                            inference.py
    3  Workspace.forward                             workspace.py

The modules
-----------
- `layer`, `initialization`, `memory`: the interface of layers, initial values, arrays in a buffer
- `layers`: the layers, one file for each kind
- `folding`, `plan_check`: layers that disappear in prediction; the checks of a layer's plan
- `network`, `boundaries`, `workspace`: layers in a row with one parameter vector; how the values
  between them are stored; the memory of one tile
- `layout`, `summary`: places in the parameter vector; a table of the layers
- `reader`: images from any array, standardized one tile at a time
- `standardization`: mean and scale of each channel, for all images or running
- `training`: settings, loop, trainer, optimizer step, optimizers, schedules, losses, early stopping
- `inference`: prediction
- `runtime`: threads, BLAS, floating-point errors, bit masks, calls, a pool
- `testing`: `check_layer`

Glossary
--------
tile : a few images that pass through all layers together, on one thread.
workspace : the memory of one tile, and the calls that the layers make on it.
kernel : the object that does a layer's computations; `Conv2D` chooses between three.
boundary : the values between two layers.
derived : computed from the parameters once a step, such as reversed filters.
state : arrays that are saved with the parameters but not trained, such as running means.
whole-batch gradient : a gradient that is one matrix product over the mini-batch, of dense layers.
factors : the inputs and output gradients of a mini-batch, from which such a gradient is computed.
lowering : copying pixels so that a convolution becomes a matrix product (GEMM).
tap : one pixel position (i, j) within a filter.
period : with a period of 2, even columns of an image are stored first, then odd ones.

``docs/engine.md`` explains all this with diagrams and shows how to add a layer.
"""
