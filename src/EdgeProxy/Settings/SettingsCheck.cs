using System.Text.Json.Serialization;
using EdgeProxy.Admin;
using EdgeProxy.Apps;
using EdgeProxy.Clients;
using EdgeProxy.Compression;
using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics;
using EdgeProxy.Fleet;
using EdgeProxy.Hosting;
using EdgeProxy.Notify;
using EdgeProxy.Proxying;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Explaining;
using EdgeProxy.Sites.Forwarding;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Settings;

/// <summary>Checks the whole settings: known keys and convertible values, then each feature its own section.</summary>
internal static class SettingsCheck
{
    /// <summary>The sections that are read.</summary>
    public static IReadOnlyList<string> Sections { get; } = [EdgeProxyOptions.SectionName, "Kestrel", "Logging", "AllowedHosts", ReverseProxySection.Name];

    private static readonly string[] _keysOfTopLevelApp =
    [
        nameof(EdgeProxyOptions.Slots),
        nameof(EdgeProxyOptions.InitialSlot),
        nameof(EdgeProxyOptions.Health),
        nameof(EdgeProxyOptions.Switch),
        nameof(EdgeProxyOptions.Companions),
        nameof(EdgeProxyOptions.Upstream),
        nameof(EdgeProxyOptions.RateLimits),
        $"{nameof(EdgeProxyOptions.Units)}:{nameof(UnitsOptions.Process)}",
    ];

    /// <returns>The options; to be used only when no error was found.</returns>
    public static EdgeProxyOptions Run(IConfigurationRoot configuration, ProblemList problems)
    {
        var section = configuration.GetSection(EdgeProxyOptions.SectionName);
        var paths = SettingsSchema.Check(section, SettingsShape.Default.EdgeProxyOptions, problems);
        var options = Bind(section, paths);
        options.AddDomainsOfSites();

        var root = new SettingsScope(problems, EdgeProxyOptions.SectionName);
        CheckApps(root, section, options);
        CheckOptions(root, options);
        CheckFleet(root, options);
        CheckSites(root, configuration, options, problems);
        KestrelRules.CheckCertificates(configuration, problems, options.Tls);
        CheckTopLevel(configuration, problems);
        KestrelRules.Check(configuration, problems);
        EndPointCheck.Run(root, options, PublicEndPoints.Of(configuration));
        ReverseProxyRules.Check(configuration.GetSection(ReverseProxySection.Name), [.. options.AllApps().Select(app => app.Identity.Name)], problems);
        return options;
    }

    /// <summary>The sections of an app stand at the top level or below <c>Apps</c>: read from both, nobody could tell which of them counts.</summary>
    private static void CheckApps(SettingsScope root, IConfigurationSection section, EdgeProxyOptions options)
    {
        if (options.Apps is not { Count: > 0 } apps)
        {
            AppRules.Check(root, options.AllApps()[0].Options, options.Units.Manager);
            return;
        }

        AppRules.CheckAll(root.In(nameof(options.Apps)), apps, options.Units.Manager, hasSites: options.Sites is { Length: > 0 });
        foreach (var key in _keysOfTopLevelApp.Where(key => section.GetSection(key).Exists()))
        {
            root.Error(
                key,
                $"is a section of the app \"{AppIdentity.TopLevel.Name}\", and EdgeProxy:Apps is there, too: move it to EdgeProxy:Apps:NAME:{key}, or leave " +
                    "Apps out");
        }
    }

    /// <summary>Where sites say what becomes of each request, nothing else may say it, too.</summary>
    private static void CheckSites(SettingsScope root, IConfigurationRoot configuration, EdgeProxyOptions options, ProblemList problems)
    {
        if (options.Sites is not { Length: > 0 })
        {
            return;
        }

        var clusters = ReverseProxySection.ClustersOf(configuration).Select(cluster => cluster.Key).ToList();
        SiteRules.Check(
            root, nameof(options.Sites), options.Sites, new RouteTargets([.. options.AllApps().Select(app => app.Identity.Name)], clusters));
        if (!problems.HasErrors)
        {
            new RedirectLoops(options.Sites, HasCertificates(options.Tls) && options.Tls.RedirectHttp).Check(root, nameof(options.Sites));
        }

        if (options.StaticFiles is { Length: > 0 })
        {
            root.Error(
                nameof(options.StaticFiles),
                "is for all hosts, and EdgeProxy:Sites is there, too: make a route of each, { \"Path\": \"/static/*\", \"StripPrefix\": \"/static\", " +
                    "\"Files\": { \"Root\": ... } }");
        }

        if (ReverseProxySection.RoutesOf(configuration).Any())
        {
            problems.Error(
                ReverseProxySection.RoutesKey,
                "is for all hosts, and EdgeProxy:Sites is there, too: make routes of a site of them, which name the " +
                    "cluster, { \"Path\": ..., \"Cluster\": ... }");
        }

        // Which names are in certificate files is not known before they are there.
        var tls = options.Tls;
        if (!tls.Internal && tls.Certificates is not { Length: > 0 })
        {
            SiteRules.CheckCertificates(root, nameof(options.Sites), options.Sites, tls.Acme.Domains ?? []);
        }

        foreach (var cluster in clusters.Where(SiteClusters.Owns))
        {
            problems.Error(
                $"{ReverseProxySection.ClustersKey}:{cluster}",
                "has an id as EdgeProxy makes them for routes of sites; choose one that does not begin with site-");
        }
    }

    private static bool HasCertificates(TlsOptions tls) => tls.Internal || tls.Certificates is { Length: > 0 } || tls.Acme.Domains is { Length: > 0 };

    private static void CheckOptions(SettingsScope root, EdgeProxyOptions options)
    {
        ShutdownRules.Check(root.In(nameof(options.Shutdown)), options.Shutdown);
        TrustedProxiesRules.Check(root, nameof(options.TrustedProxies), options.TrustedProxies);
        StaticFilesRules.Check(root, nameof(options.StaticFiles), options.StaticFiles);
        CompressionRules.Check(root.In(nameof(options.Compression)), options.Compression);
        TlsRules.Check(root.In(nameof(options.Tls)), options.Tls);
        NotifyRules.Check(root.In(nameof(options.Notify)), options.Notify);
        AdminRules.Check(root.In(nameof(options.Admin)), options.Admin, [.. options.AllApps().Select(app => app.Options.Slots)]);
        StateRules.Check(root.In(nameof(options.State)), options.State);
        AccessLogRules.Check(root.In(nameof(options.AccessLog)), options.AccessLog);
    }

    private static void CheckFleet(SettingsScope root, EdgeProxyOptions options)
    {
        if (options.Fleet is not { } fleet)
        {
            return;
        }

        FleetRules.Check(root.In(nameof(options.Fleet)), fleet);
        foreach (var (identity, app) in options.AllApps())
        {
            FleetRules.CheckApp(options.Apps is { Count: > 0 } ? root.In(nameof(options.Apps)).In(identity.Name) : root, app.Switch);
        }
    }

    /// <summary>The file's own sections; the environment has names for everybody.</summary>
    private static void CheckTopLevel(IConfigurationRoot configuration, ProblemList problems)
    {
        var names = configuration.Providers.First().GetChildKeys([], parentPath: null).Distinct(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names.Except(Sections, StringComparer.OrdinalIgnoreCase))
        {
            if (NearestKey.Find(name, Sections) is { } nearest)
            {
                problems.Error(name, $"is not a section; did you mean {nearest}?");
            }
            else
            {
                problems.Warn(name, $"is not read; the sections are {string.Join(", ", Sections)}");
            }
        }
    }

    /// <summary>Binds what can be bound, so that the rules see the rest although some values are unusable.</summary>
    private static EdgeProxyOptions Bind(IConfigurationSection section, SettingsPaths paths)
    {
        var options = new EdgeProxyOptions();
        if (paths is { Unusable.Count: 0, SingleTexts.Count: 0 })
        {
            section.Bind(options);
            return options;
        }

        var usable = section.AsEnumerable().Where(pair =>
            !paths.Unusable.Any(
                path => pair.Key.Equals(path, StringComparison.OrdinalIgnoreCase) || pair.Key.StartsWith(path + ":", StringComparison.OrdinalIgnoreCase))
            && (pair.Value is not null || !section.GetSection(pair.Key[section.Path.Length..].TrimStart(':')).GetChildren().Any()))
            .Select(pair => paths.SingleTexts.Contains(pair.Key, StringComparer.OrdinalIgnoreCase)
                ? new KeyValuePair<string, string?>($"{pair.Key}:0", pair.Value)
                : pair);
        new ConfigurationBuilder().AddInMemoryCollection(usable).Build().GetSection(section.Path).Bind(options);
        return options;
    }
}

/// <summary>The shape of every settings class, for <see cref="SettingsSchema"/>.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EdgeProxyOptions))]
internal sealed partial class SettingsShape : JsonSerializerContext;
