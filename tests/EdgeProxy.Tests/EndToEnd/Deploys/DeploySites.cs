using EdgeProxy.Slots;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>Deploys by script; most of the tests share one <see cref="SiteWithTwoTrees"/>.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DeployCollection : ICollectionFixture<SiteWithTwoTrees>
{
    public const string Name = "end to end: deploys";
}

/// <summary>A tree for each slot, under a path with a space in it.</summary>
public sealed class SiteWithTwoTrees : DeploySite
{
    protected override string Base => "/srv/web shop";

    protected override string Layout => "apart";

    protected override string Settings => """
        # How the shop is deployed.
        REPOSITORY="/srv/web shop/repository.git"
        VENVS=/srv/web shop/venvs
          SHARED='/srv/web shop/shared'
        SHARED_PATHS=media
        VENV_OPTIONS=--system-site-packages
        PIP_OPTIONS=--no-index --find-links=/srv/wheels --require-hashes
        """;

    public override string TreeOf(SlotName slot) => $"{Base}/{slot.ToKey()}";
}

/// <summary>One tree for both slots, as in the recipe.</summary>
public sealed class SiteWithOneTree : DeploySite
{
    protected override string Base => "/srv/shop";

    protected override string Layout => "shared";

    protected override string Settings => """
        VENVS=/srv/shop/venvs
        VENV_OPTIONS=--system-site-packages
        PIP_OPTIONS=--no-index --find-links=/srv/wheels --require-hashes
        """;

    public override string TreeOf(SlotName slot) => $"{Base}/tree";
}
