"""The engine: networks of layers, trained and run on the CPU. It knows nothing of scikit-learn.

The idea
--------
A `Layer` holds settings only. Asked once, it says which arrays it needs, and binds NumPy functions
to views of them. A training step then only makes these calls: no shapes are computed and no memory
is allocated in the loop. A mini-batch is divided into tiles of a few images. Threads take tiles;
sums over tiles are formed in tile order, so results are bit-identical for any number of threads.

Where a call goes
-----------------
::

    ConvNetClassifier.fit                            skcnn/classifier.py
      fit -> _fit_copy -> _train                     skcnn/_fit.py
        run_epochs                                   training/loop.py
          Trainer.step                               training/trainer.py
            Workspace.forward, Workspace.backward    workspace.py
              numpy.matmul                           bound by the layers, layers/
            OptimizerStep.run                        training/optimizer_step.py

    ConvNetClassifier.predict
      outputs -> predict                             inference.py
        Workspace.forward                            workspace.py

The modules
-----------
- `layer`, `initialization`, `memory`: what a layer is, how its parameters start, arrays in a buffer
- `layers`: the layers, one file for each kind
- `network`, `workspace`: layers in a row with one parameter vector; the memory of one tile
- `reader`: images from any array, standardized one tile at a time
- `training`: settings, loop, trainer, optimizer step, optimizers, schedules, losses, early stopping
- `inference`: prediction
- `runtime`: threads, BLAS, bit masks

Glossary
--------
tile : a few images that pass through all layers together, on one thread.
workspace : the memory of one tile, and the calls that the layers make on it.
kernel : the object that does a layer's work; `Conv2D` chooses between two.
boundary : the values between two layers.
derived : computed from the parameters once a step, such as reversed filters.
state : arrays that are saved with the parameters but not trained, such as running means.
whole-batch gradient : a gradient that is one matrix product over the mini-batch, of dense layers.
factors : the inputs and output gradients of a mini-batch, from which such a gradient is computed.
lowering : copying pixels so that a convolution becomes a matrix product (GEMM).
tap : one of the positions of a filter.
period : with a period of 2, even columns of an image are stored first, then odd ones.

``docs/engine.md`` explains all this with diagrams and shows how to add a layer.
"""
