using System.Collections;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using EdgeProxy.Apps;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Hosting;

/// <summary>
/// The generic types that the service containers build (<c>ILogger&lt;T&gt;</c>, options, lists) are compiled into the native binary, as
/// <c>services.rd.xml</c> names them: the runtime would build each of them at every start, a quarter of its time (docs/adr/0022).
/// </summary>
public sealed partial class PrecompiledServicesTests
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly string _file = Repository.File("src/EdgeProxy/services.rd.xml");

    /// <summary>With <c>EDGEPROXY_WRITE_DOCS=1</c> the file is written anew.</summary>
    [Fact]
    public async Task Each_generic_service_is_compiled()
    {
        await using var app = await Backend.StartAsync(_ => Task.CompletedTask);
        await using var server = new EdgeProxyFactory(app.Address);
        using var client = server.CreateClient();
        using var response = await client.GetAsync("/", TestContext.Current.CancellationToken);
        var containers = server.Services.GetRequiredService<AppRegistry>().All.SelectMany(FieldsOf).OfType<ServiceProvider>().Append(server.Services);
        var types = containers.SelectMany(TypesOf).Where(type => !type.FullName!.Contains("TestHost", StringComparison.Ordinal)).Distinct();
        var needed = types.Select(type => (Assembly: type.Assembly.GetName().Name!, Name: WithoutVersions(type.FullName!))).Distinct().Order().ToList();
        if (Environment.GetEnvironmentVariable("EDGEPROXY_WRITE_DOCS") == "1")
        {
            Write(needed);
        }

        var compiled = XDocument.Load(_file).Descendants("Assembly")
            .SelectMany(assembly => assembly.Elements("Type").Select(type => (assembly.Attribute("Name")!.Value, type.Attribute("Name")!.Value))).ToHashSet();

        Assert.DoesNotContain(needed, type => !compiled.Contains(type));
        Assert.True(compiled.Count > 200, "the containers were not looked into");
    }

    private static IEnumerable<object?> FieldsOf(App app) => typeof(App).GetFields(Any).Select(field => field.GetValue(app));

    /// <summary>What the container has made, or knows how to make: nothing public tells.</summary>
    private static IEnumerable<Type> TypesOf(IServiceProvider container)
    {
        var root = container.GetType().GetProperty("RootProvider", Any)?.GetValue(container) ?? container;
        var factory = root.GetType().GetProperty("CallSiteFactory", Any)!.GetValue(root)!;
        var sites = (IEnumerable)factory.GetType().GetField("_callSiteCache", Any)!.GetValue(factory)!;
        return sites.Cast<object>().Select(pair => pair.GetType().GetProperty("Value")!.GetValue(pair)!)
            .SelectMany(site => new[] { "ServiceType", "ImplementationType" }.Select(name => (Type?)site.GetType().GetProperty(name)!.GetValue(site)))
            .OfType<Type>().Where(type => (type.IsConstructedGenericType || type.IsArray) && type.FullName is not ['<', ..]);
    }

    private static void Write(IEnumerable<(string Assembly, string Name)> types) => File.WriteAllText(_file, new XElement(
        "Directives",
        new XElement("Application", types.GroupBy(type => type.Assembly).Select(assembly => new XElement(
            "Assembly",
            new XAttribute("Name", assembly.Key),
            assembly.Select(type => new XElement("Type", new XAttribute("Name", type.Name), new XAttribute("Dynamic", "Required All"))))))) + "\n");

    private static string WithoutVersions(string name) => Versions().Replace(name, "");

    [GeneratedRegex(@", Version=[^\],]*, Culture=[^\],]*, PublicKeyToken=[^\],]*")]
    private static partial Regex Versions();
}
