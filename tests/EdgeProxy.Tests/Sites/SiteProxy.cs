using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.Settings;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Sites;

/// <summary>The data plane with sites as they stand in a settings file.</summary>
internal static class SiteProxy
{
    /// <summary>Settings with these sites, without an error.</summary>
    public static EdgeProxySettings Load(string sites)
    {
        var loaded = Check(sites);
        Assert.DoesNotContain(loaded.Problems, problem => problem.Severity == SettingsSeverity.Error);
        return loaded;
    }

    /// <summary>Settings with these sites, and whatever is wrong with them.</summary>
    public static EdgeProxySettings Check(string sites, string beside = "") => SettingsLoader.Check("sites", Encoding.UTF8.GetBytes($$"""
        {
          "EdgeProxy": {
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:1", "Unit": "blue.service" },
              "Green": { "Address": "http://127.0.0.1:2", "Unit": "green.service" }
            },
            "Sites": {{sites}}
          }{{beside}}
        }
        """));

    /// <param name="sites">The list.</param>
    /// <param name="app">The address of the app; null: nothing listens.</param>
    public static Task<DataPlane> StartAsync(
        string sites, string? app = null, Action<EdgeProxyOptions>? configure = null, params (string Key, string Value)[] settings)
    {
        var options = Load(sites).Options!;
        return DataPlane.StartAsync(
            app ?? "http://127.0.0.1:1",
            "http://127.0.0.1:2",
            own =>
            {
                own.Sites = options.Sites;
                own.Upstream.HoldTimeout = TimeSpan.Zero;
                configure?.Invoke(own);
            },
            settings);
    }

    /// <summary>One site for all hosts, with these routes.</summary>
    public static Task<DataPlane> WithRoutesAsync(string routes, string? app = null, Action<EdgeProxyOptions>? configure = null) =>
        StartAsync($$"""[ { "Hosts": "*", "Routes": [ {{routes}} ] } ]""", app, configure);
}
