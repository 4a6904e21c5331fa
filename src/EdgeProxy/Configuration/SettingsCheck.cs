using EdgeProxy.Configuration.Rules;

namespace EdgeProxy.Configuration;

/// <summary>Checks the settings in three steps: known keys and convertible values, then ranges and consistency, then what this version lacks.</summary>
internal static class SettingsCheck
{
    /// <returns>The options; to be used only when no error was found.</returns>
    public static EdgeProxyOptions Run(IConfigurationRoot configuration, ProblemList problems)
    {
        var section = configuration.GetSection(EdgeProxyOptions.SectionName);
        var unusable = SettingsSchema.Check(section, SettingsShape.Default.EdgeProxyOptions, problems);
        var options = Bind(section, unusable);

        var root = new SettingsScope(problems, EdgeProxyOptions.SectionName);
        SlotRules.Check(root, options);
        SwitchRules.Check(root, options);
        UpstreamRules.Check(root, options);
        StaticFilesRules.Check(root, options.StaticFiles);
        CompressionRules.Check(root.In(nameof(options.Compression)), options.Compression);
        TlsRules.Check(root.In(nameof(options.Tls)), options.Tls);
        TlsRules.CheckEndpoints(configuration, problems, options.Tls);
        AdminRules.Check(root, options);
        StandardSectionRules.Check(configuration, problems);
        return options;
    }

    /// <summary>Binds what can be bound, so that the rules see the rest although some values are unusable.</summary>
    private static EdgeProxyOptions Bind(IConfigurationSection section, IReadOnlySet<string> unusable)
    {
        var options = new EdgeProxyOptions();
        if (unusable.Count == 0)
        {
            section.Bind(options);
            return options;
        }

        var usable = section.AsEnumerable().Where(pair =>
            !unusable.Any(path => pair.Key.Equals(path, StringComparison.OrdinalIgnoreCase) || pair.Key.StartsWith(path + ":", StringComparison.OrdinalIgnoreCase))
            && (pair.Value is not null || !section.GetSection(pair.Key[section.Path.Length..].TrimStart(':')).GetChildren().Any()));
        new ConfigurationBuilder().AddInMemoryCollection(usable).Build().GetSection(section.Path).Bind(options);
        return options;
    }
}
