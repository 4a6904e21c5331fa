using System.Text.RegularExpressions;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using NetArchTest.Rules;

namespace EdgeProxy.Tests;

/// <summary>
/// The layers of the product: each folder of <c>src/EdgeProxy</c>, and all that it may use. A new dependency is a change of this table, so that it is seen;
/// one that is gone leaves it.
/// </summary>
public sealed partial class DependencyTests
{
    /// <summary>The files at the root: what puts the features together. It knows all of them, and only where the process is begun or shown (Demo, Cli) it is
    /// known.</summary>
    private const string Root = ".";

    private const int LargestCycleOfFiles = 4;

    /// <summary>From below to above: a folder uses such as stand before it.</summary>
    private static readonly (string Room, string[] Uses)[] _layers =
    [
        // Shared: no feature is known here.
        ("Common", []),
        ("Platform", []),
        ("Json", []),
        ("AdminCalls", ["Json"]),
        ("Configuration", []),
        ("State", ["Configuration", "Platform"]),
        ("Processes", ["Common", "Configuration", "Platform"]),

        // The data plane. It knows nothing of units, switches and the admin API.
        ("Slots", ["Common", "Configuration"]),
        ("Http", ["Slots"]),
        ("Clients", ["Configuration"]),
        ("Diagnostics", ["Clients", "Configuration", "Http", "Platform", "Slots"]),
        ("Proxying", ["Clients", "Configuration", "Diagnostics", "Http", "Platform", "Slots"]),
        ("Compression", ["Configuration", "Http", "Proxying"]),
        ("StaticFiles", ["Compression", "Configuration", "Diagnostics", "Proxying"]),
        ("Tls", ["AdminCalls", "Clients", "Configuration", "Diagnostics", "Json", "Proxying", "State"]),
        ("Sites", ["Clients", "Configuration", "Diagnostics", "Http", "Proxying", "StaticFiles"]),
        ("Transport", []),
        ("Hosting", ["Configuration", "Diagnostics", "Http", "Platform", "Proxying", "Slots", "Tls", "Transport"]),

        // The control plane.
        ("Units", ["Configuration", "Processes", "Slots", "State"]),
        ("Switching",
        [
            "AdminCalls", "Clients", "Common", "Configuration", "Diagnostics", "Json", "Processes", "Proxying", "Slots", "State", "Tls", "Units",
        ]),
        ("Notify", ["Common", "Configuration", "Diagnostics", "Json", "Processes", "Slots", "State", "Switching", "Tls"]),
        ("Apps", ["Configuration", "Diagnostics", "Proxying", "Slots", "State", "Switching", "Tls", "Units"]),
        ("Fleet", ["AdminCalls", "Apps", "Common", "Configuration", "Diagnostics", "Json", "Proxying", "Slots", "State", "Switching", "Tls", "Units"]),
        ("Api", ["AdminCalls", "Fleet", "Json", "Slots", "Switching", "Tls", "Units"]),
        ("Handover",
        [
            "AdminCalls", "Api", "Apps", "Common", "Configuration", "Hosting", "Json", "Platform", "Proxying", "Slots", "State", "Switching",
            "Units",
        ]),
        ("Admin",
        [
            "AdminCalls", "Api", "Apps", "Common", "Configuration", "Diagnostics", "Platform", "Proxying", "Slots", "Switching", "Units",
        ]),

        // What knows all features: their settings, which route takes a request, and the composition root.
        ("Settings",
        [
            "Admin", "Apps", "Clients", "Compression", "Configuration", "Diagnostics", "Fleet", "Hosting", "Notify", "Proxying", "Sites", "Slots", "State",
            "StaticFiles", "Switching", "Tls", "Units",
        ]),
        ("Explaining", ["Apps", "Clients", "Proxying", "Settings", "Sites", "Slots", "StaticFiles", "Tls"]),
        (Root,
        [
            "Admin", "Api", "Apps", "Clients", "Common", "Compression", "Configuration", "Diagnostics", "Explaining", "Fleet", "Handover", "Hosting", "Notify",
            "Platform", "Proxying", "Settings", "Sites", "State", "StaticFiles", "Switching", "Tls",
        ]),

        // The program.
        ("Importing", ["Configuration", "Json", "Settings", "Sites", "Slots"]),
        ("CaddyImport", ["Clients", "Importing", "Proxying", "Sites", "Slots", "Tls"]),
        ("NginxImport", ["Clients", "Importing", "Proxying", "Sites", "Slots"]),
        ("Demo", [Root, "Api", "Apps", "Common", "Configuration", "Diagnostics", "Hosting", "Json", "Processes", "Settings", "Slots", "Switching", "Units"]),
        ("Cli",
        [
            Root, "Api", "CaddyImport", "Common", "Configuration", "Demo", "Diagnostics", "Explaining", "Fleet", "Handover", "Hosting", "Importing", "Json",
            "NginxImport", "Processes", "Settings", "Sites", "Slots", "Switching", "Tls",
        ]),
        ("Program", ["Cli"]),
    ];

    private static readonly SourceGraph _source = SourceGraph.OfProduct();

    public static TheoryData<string> Folders => [.. _layers.Select(layer => layer.Room).Where(room => room is not (Root or "Program"))];

    [Fact]
    public void The_table_has_every_folder() =>
        Assert.Equal(_source.Rooms.Order(StringComparer.Ordinal), _layers.Select(layer => layer.Room).Order(StringComparer.Ordinal));

    [Fact]
    public void A_folder_uses_what_the_table_says_and_nothing_else()
    {
        var allowed = _layers.SelectMany(layer => layer.Uses.Select(used => (From: layer.Room, To: used))).ToHashSet();

        Assert.Empty(_source.RoomUses.Except(allowed).Order().Select(edge => $"new: {edge.From} uses {edge.To}"));
        var stale = allowed.Except(_source.RoomUses).Where(edge => !IsInAssembly(edge));
        Assert.Empty(stale.Order().Select(edge => $"in the table, but nowhere else: {edge.From} uses {edge.To}"));
    }

    [Fact]
    public void The_table_goes_one_way()
    {
        var order = _layers.Select(layer => layer.Room).ToList();
        var upwards = _layers.SelectMany(
            layer => layer.Uses.Where(used => order.IndexOf(used) >= order.IndexOf(layer.Room)), (layer, used) => $"{layer.Room} uses {used}");
        Assert.Empty(upwards);
        Assert.Empty(_source.MutualRooms);
    }

    /// <summary>In the assembly a type is seen that no source names.</summary>
    [Theory]
    [MemberData(nameof(Folders))]
    public void No_type_uses_a_folder_that_the_table_does_not_name(string folder)
    {
        var allowed = _layers.Single(layer => layer.Room == folder).Uses;
        var forbidden = Folders.Select(row => row.Data).Except(allowed).Where(room => room != folder).Select(room => $"EdgeProxy.{room}").ToArray();
        var types = TypesOf(folder);
        Assert.NotEmpty(types.GetTypes());

        var result = types.ShouldNot().HaveDependencyOnAny(forbidden).GetResult();

        Assert.True(result.IsSuccessful, string.Join(", ", result.FailingTypeNames ?? []));
    }

    [GeneratedRegex(@"""EdgeProxy:(?<section>\w+)[\w:]*""")]
    private static partial Regex SettingKey();

    /// <summary>Whether a type of one folder uses the other, if without its name.</summary>
    private static bool IsInAssembly((string From, string To) edge) =>
        edge is { From: not (Root or "Program"), To: not Root } && TypesOf(edge.From).And().HaveDependencyOn($"EdgeProxy.{edge.To}").GetTypes().Any();

    private static PredicateList TypesOf(string folder) =>
        Types.InAssembly(typeof(SlotPair).Assembly).That().ResideInNamespaceMatching($@"^EdgeProxy\.{folder}(\.|$)");

    /// <summary>A folder that names the setting of another by text depends on it, and no compiler sees that. The importers and the demo write settings, so
    /// they name all.</summary>
    [Fact]
    public void A_folder_names_no_setting_of_another_by_text()
    {
        string[] own = ["Fleet: Fleet", "State: State", "Switching: Health", "Tls: Tls"];
        string[] writers = ["CaddyImport", "Demo", "Importing", "NginxImport"];
        var named =
            from path in Directory.EnumerateFiles(SourceGraph.Folder, "*.cs", SearchOption.AllDirectories)
            let folder = Path.GetRelativePath(SourceGraph.Folder, path).Split('/')[0]
            where folder is not ("obj" or "bin") && !writers.Contains(folder)
            from Match key in SettingKey().Matches(File.ReadAllText(path))
            select $"{folder}: {key.Groups["section"].Value}";

        Assert.Equal(own, named.Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>To add or to delete a feature is a change of its folder, of what composes the features, and of these files: docs/architecture.md says
    /// why.</summary>
    [Theory]
    [InlineData("Notify")]
    [InlineData("Admin/Dashboard")]
    [InlineData("Fleet", "Api/StatusView.cs", "Cli/FleetCommand.cs")]
    [InlineData("Handover", "Cli/ReloadCommand.cs", "Cli/RunCommand.cs")]
    [InlineData("Proxying/RateLimiting", "Proxying/AppRouter.cs", "Proxying/ProxiedApp.cs", "Proxying/ProxyingFeature.cs")]
    public void A_feature_is_known_to_what_composes_it_and_to_few_others(string folder, params string[] others)
    {
        string[] composition =
        [
            "EdgeProxyServer.cs", "StatusParts.cs", "SiteViews.cs", "Settings/EdgeProxyOptions.cs", "Settings/SettingsCheck.cs", "Apps/AppOptions.cs",
            "Apps/AppRules.cs",
        ];

        Assert.Equal(others, _source.UsersOf(folder).Except(composition).Order(StringComparer.Ordinal));
    }

    /// <summary>Falls with time; a change that makes a cycle larger looks for the file that ties it.</summary>
    [Fact]
    public void No_cycle_of_files_grows()
    {
        var cycle = _source.LargestCycle();
        Assert.True(cycle.Count <= LargestCycleOfFiles, string.Join(", ", cycle));
    }
}
