"""How many draws hypotheses need, before the pool is looked at."""

from proposed import explored, screened, settings_of

from scripts.hypotheses.needs import Need, needed, samples_by_region


def need(*seen, **more):
    return needed(explored(*seen, **more), settings_of())


def test_a_strong_behaviour_needs_one_sample_and_a_weak_one_all():
    assert need(20, 0, 21) == Need(14, 1)
    assert need(7, 0, 20) == Need(22, 2)  # a third: 22 * (1 - (2/3)^2) > 12
    assert need(2, 0, 40) == Need(30, 8)
    assert need(0, 0, 0) == Need(30, 8)  # nobody has looked


def test_many_regions_need_less_of_each():
    everywhere = tuple(f"r{n:03d}" for n in range(10))
    assert need(15, 0, 29, regions=everywhere) == Need(6, 1)
    assert need(3, 0, 29, regions=everywhere) == Need(13, 1)


def test_the_screen_pool_counts_more_than_what_chose_the_explored():
    assert need(2, 0, 10).samples == 4
    assert need(2, 0, 10, screen=screened(prompts=8, share=1.0)).samples == 1
    assert need(10, 0, 10, screen=screened(prompts=8, share=0.0)).samples == 2
    # regions that the screen pool dropped no longer count
    assert need(9, 0, 10, regions=("r000", "r001")) != need(9, 0, 10)


def test_a_prompt_takes_the_samples_of_the_neediest_that_reaches_it():
    strong, weak = explored(9, 0, 9, ("r000", "r001")), explored(6, 0, 17, ("r001",))
    assert needed(strong, settings_of()) == Need(7, 1)
    assert needed(weak, settings_of()) == Need(22, 2)
    found = samples_by_region([strong, weak], settings_of())
    assert found == {"r000": [1] * 7, "r001": [2] * 22}
    assert samples_by_region([], settings_of()) == {}
