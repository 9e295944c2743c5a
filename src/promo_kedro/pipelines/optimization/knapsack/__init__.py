"""The multiple-choice knapsack behind Eq. 13: options, rows, prices, and the route to a plan.

What is solved
    ``measures``, ``options`` (what a program chooses from), ``program`` (objective, rows, plan),
    ``tabulated`` (options written out), ``statement`` (the program in CVXPY).
Options of consumer-items, never written out
    ``offers`` over ``offer_columns``; compiled in ``kernels``, ``curves`` and ``consumers`` by
    ``compiling``; ``printed`` is Eq. 13 alone, in closed form.
How it is solved
    ``route``, from the prices of the rows (``prices``: ``local_dual``, ``newton``; ``mixes`` where
    it is open whether there is a plan) over the undecided core (``core``, ``settling``; under a
    rule on consumers ``joint_plans``, ``settling_jointly``) to whole options (``swaps``,
    ``whole_options``, ``witness``). ``search`` keeps the best plan and the lowest bound.
What is asked of it
    ``priorities`` (soft rules), ``infeasible`` (why there is no plan), ``frontier``.
"""
