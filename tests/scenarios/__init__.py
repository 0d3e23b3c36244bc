"""
Scenarios that other libraries test gradients of ELBOs by, in our own programs and by exact means.

The names of tests carry the catalogue's keys: DC (which terms belong in the weight of a draw), GV
(values and gradients), PS (plates, minibatches, scales). Where a scenario's numbers stand in a file,
`RELBO_SCENARIOS` names it; all other numbers are in the tests. Losses are −ELBO, in nats; gradients are
in the unconstrained coordinates (logits of probabilities, logarithms of positive parameters).

Not tested here:

| key | why |
|---|---|
| GV-53, in part | the straight-through derivative itself: what rounds a draw is scored here |
| GV-25 to GV-30, in part | a KL in closed form: a guide that asks for one is treated as any other |
| GV-36, GV-41, in part | measure-valued derivatives; the coins are exact, scored or DisARM's instead |
| DC-01 to DC-09, in part | ORDER sets: here weights are read off values, never off the program's order |
| DC-12, in part | a choice that cannot be reparameterised is a choice whose treatment is the score |

The catalogue's value of a collapsed Beta-Binomial (GV-52) has six right digits; the exact one is here.
"""
