using System.Globalization;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;

// YARP with one route, the original Host and no log: what EdgeProxy's own work is measured against. bare-yarp PORT BACKEND-PORT
var port = int.Parse(args[0], CultureInfo.InvariantCulture);
var backend = int.Parse(args[1], CultureInfo.InvariantCulture);

var builder = WebApplication.CreateSlimBuilder();
builder.Configuration.Sources.Clear();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
builder.Services.AddReverseProxy()
    .LoadFromMemory(
        [new RouteConfig { RouteId = "app", ClusterId = "app", Match = new RouteMatch { Path = "{**all}" } }],
        [new ClusterConfig
        {
            ClusterId = "app",
            Destinations = new Dictionary<string, DestinationConfig> { ["app"] = new() { Address = $"http://127.0.0.1:{backend}/" } },
        }])
    .AddTransforms(transforms => transforms.AddOriginalHost());

var app = builder.Build();
app.MapReverseProxy();
await app.RunAsync();
